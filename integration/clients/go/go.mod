module spillway/client

go 1.25.2

require (
	github.com/crowdsecurity/crowdsec v1.7.8
	github.com/crowdsecurity/go-cs-bouncer v0.0.19
)
