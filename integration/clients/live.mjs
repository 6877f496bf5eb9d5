// A live bouncer on @crowdsec/nodejs-bouncer: the first address must be banned, the second not.
import { CrowdSecBouncer } from "@crowdsec/nodejs-bouncer";

const [url, bouncerApiToken, banned, free] = process.argv.slice(2);
const bouncer = new CrowdSecBouncer({ url, bouncerApiToken, wallsOptions: {} });
const answers = [];
for (const address of [banned, free]) {
    const { remediation } = await bouncer.getIpRemediation(address);
    answers.push(remediation);
}
console.log(answers.join(" "));
process.exit(answers[0] === "ban" && answers[1] === "bypass" ? 0 : 1);
