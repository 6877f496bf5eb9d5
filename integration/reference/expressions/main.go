// Command expressions evaluates lines of standard input, each an expression or what this command said
// of one, as CrowdSec's parser does. It prints JSON lines: {"expr", "load"}, {"expr", "error"}, or
// {"expr", "type", "result"}. The event is that of operators/tests/expr_reference.rs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	log "github.com/sirupsen/logrus"

	"github.com/crowdsecurity/crowdsec/pkg/exprhelpers"
	"github.com/crowdsecurity/crowdsec/pkg/pipeline"
)

const unmarshaled = `{
	"n": 3, "s": "str", "b": true, "none": null, "list": [1, 2], "empty": [], "map": {"a": {"b": "c"}},
	"texts": ["b", "a", "b"], "bools": [true, false], "mixed": [1, "x", null, true],
	"objects": [{"a": 2, "t": "x"}, {"a": 1, "t": "y"}, {"t": "x"}]
}`

func event() *pipeline.Event {
	evt := pipeline.MakeEvent(true, pipeline.LOG, false)
	evt.Line = pipeline.Line{
		Raw:     "raw",
		Src:     "/var/log/x",
		Module:  "file",
		Process: true,
		Time:    time.Unix(1767323045, 0).UTC(),
		Labels:  map[string]string{"type": "syslog"},
	}
	evt.Time = evt.Line.Time
	evt.Meta["k"] = "v"
	evt.Meta["number"] = "42"
	evt.Parsed["p"] = "q"
	evt.Enriched["e"] = "f"

	if err := json.Unmarshal([]byte(unmarshaled), &evt.Unmarshaled); err != nil {
		panic(err)
	}

	return &evt
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")

	return line
}

func expression(line []byte) string {
	var said struct{ Expr string }

	if err := json.Unmarshal(line, &said); err == nil && said.Expr != "" {
		return said.Expr
	}

	return string(line)
}

func evaluate(text string) map[string]any {
	found := map[string]any{"expr": text}

	program, err := expr.Compile(text, exprhelpers.GetExprOptions(map[string]any{"evt": &pipeline.Event{}})...)
	if err != nil {
		found["load"] = firstLine(err)
		return found
	}

	value, err := expr.Run(program, map[string]any{"evt": event()})
	if err != nil {
		found["error"] = firstLine(err)
		return found
	}

	found["type"] = fmt.Sprintf("%T", value)
	found["result"] = fmt.Sprintf("%v", value)

	return found
}

func main() {
	log.SetOutput(io.Discard)

	if err := exprhelpers.Init(nil); err != nil {
		panic(err)
	}

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)

	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()

	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)

	for lines.Scan() {
		if err := encoder.Encode(evaluate(expression(lines.Bytes()))); err != nil {
			panic(err)
		}
	}
}
