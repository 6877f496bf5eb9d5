// A live bouncer on @crowdsec/nodejs-bouncer: prints what it is to do about an address each time that
// this changes, until a ban is over. Another address must be free all the time.
import { CrowdSecBouncer } from "@crowdsec/nodejs-bouncer";

const [url, bouncerApiToken, address] = process.argv.slice(2);
const bouncer = new CrowdSecBouncer({ url, bouncerApiToken, wallsOptions: {}, badIpCacheDuration: 1, cleanIpCacheDuration: 1 });
let told = "bypass";
for (;;) {
    const other = await bouncer.getIpRemediation("192.0.2.254");
    if (other.remediation !== "bypass") throw new Error(`192.0.2.254: ${other.remediation}`);
    const { remediation } = await bouncer.getIpRemediation(address);
    if (remediation !== told) console.log(remediation);
    if (told === "ban" && remediation === "bypass") process.exit(0);
    told = remediation;
    await new Promise((resolve) => setTimeout(resolve, 200));
}
