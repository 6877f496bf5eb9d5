// A bouncer on go-cs-bouncer: `live` asks once for an address, `stream` prints what becomes of it and
// sends usage metrics.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	csbouncer "github.com/crowdsecurity/go-cs-bouncer"
	"github.com/sirupsen/logrus"
)

var (
	url     = flag.String("url", "", "the API")
	address = flag.String("address", "", "whom to watch")
	key     = flag.String("key", "", "the bouncer's key")
	ca      = flag.String("ca", "", "who signs certificates")
	cert    = flag.String("cert", "", "certificate instead of a key")
	certKey = flag.String("certkey", "", "key of the certificate")
)

func main() {
	flag.Parse()
	if flag.Arg(0) == "live" {
		live(context.Background())
		return
	}
	stream(context.Background())
}

func check(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func live(ctx context.Context) {
	bouncer := &csbouncer.LiveBouncer{
		APIKey: *key, APIUrl: *url, UserAgent: "go-client/v1",
		CAPath: *ca, CertPath: *cert, KeyPath: *certKey,
	}
	check(bouncer.Init())
	banned, err := bouncer.Get(ctx, *address)
	check(err)
	free, err := bouncer.Get(ctx, "192.0.2.254")
	check(err)
	if len(*banned) != 1 || *(*banned)[0].Type != "ban" || len(*free) != 0 {
		fmt.Println("not as expected", banned, free)
		os.Exit(1)
	}
}

// told notes what the metrics provider logs: that is all that it says about its success.
type told struct{}

func (told) Levels() []logrus.Level { return logrus.AllLevels }

func (told) Fire(entry *logrus.Entry) error {
	if entry.Message == "usage metrics sent" {
		fmt.Println("metrics sent")
	} else {
		fmt.Println("log", entry.Message)
	}
	return nil
}

func stream(ctx context.Context) {
	bouncer := &csbouncer.StreamBouncer{
		APIKey: *key, APIUrl: *url, UserAgent: "go-client/v1", TickerInterval: "1s",
		CAPath: *ca, CertPath: *cert, KeyPath: *certKey,
	}
	check(bouncer.Init())
	logger := logrus.New()
	logger.SetLevel(logrus.DebugLevel)
	logger.AddHook(told{})
	metrics, err := csbouncer.NewMetricsProvider(bouncer.APIClient, "go-client", nil, logger)
	check(err)
	metrics.Interval = time.Second
	go func() { check(metrics.Run(ctx)) }()
	go func() { check(bouncer.Run(ctx)) }()
	for decisions := range bouncer.Stream {
		for _, decision := range decisions.Deleted {
			if *decision.Value == *address {
				fmt.Println("deleted", *address)
			}
		}
		for _, decision := range decisions.New {
			if *decision.Value == *address {
				fmt.Println("new", *address, *decision.Duration)
			}
		}
	}
}
