// Makes requests of events by the CloudEvents SDK: from stdin, a list of payloads; to stdout, a line of JSON for each of them in each mode.
const { CloudEvent, HTTP } = require("cloudevents");

let input = "";
process.stdin.on("data", chunk => { input += chunk; });
process.stdin.on("end", () => {
    JSON.parse(input).forEach((data, i) => {
        const event = new CloudEvent({ id: `über-${i} "x"`, source: "/alarms", type: "com.example.alarm", data });
        for (const mode of ["structured", "binary"]) {
            const { headers, body } = HTTP[mode](event);
            console.log(JSON.stringify({ mode, headers, body }));
        }
    });
});
