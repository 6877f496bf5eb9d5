// A bouncer on go-cs-bouncer: `live URL KEY ADDRESS` asks once, `stream URL KEY ADDRESS` prints what
// becomes of an address and sends usage metrics.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	csbouncer "github.com/crowdsecurity/go-cs-bouncer"
	"github.com/sirupsen/logrus"
)

func main() {
	mode, url, key, address := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ctx := context.Background()
	if mode == "live" {
		live(ctx, url, key, address)
		return
	}
	stream(ctx, url, key, address)
}

func check(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func live(ctx context.Context, url, key, address string) {
	bouncer := &csbouncer.LiveBouncer{APIKey: key, APIUrl: url, UserAgent: "go-client/v1"}
	check(bouncer.Init())
	banned, err := bouncer.Get(ctx, address)
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

func stream(ctx context.Context, url, key, address string) {
	bouncer := &csbouncer.StreamBouncer{
		APIKey: key, APIUrl: url, UserAgent: "go-client/v1", TickerInterval: "1s",
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
			if *decision.Value == address {
				fmt.Println("deleted", address)
			}
		}
		for _, decision := range decisions.New {
			if *decision.Value == address {
				fmt.Println("new", address, *decision.Duration)
			}
		}
	}
}
