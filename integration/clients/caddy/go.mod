module spillway/caddy

go 1.25.2

require (
	github.com/caddyserver/caddy/v2 v2.9.1
	github.com/hslatman/caddy-crowdsec-bouncer v0.9.2
)
