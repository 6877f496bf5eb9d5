// Caddy with the CrowdSec bouncer in it, put together as the bouncer's README says.
package main

import (
	cmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/hslatman/caddy-crowdsec-bouncer/http"
)

func main() {
	cmd.Main()
}
