// Runs a compiled Pulumi program on the SDK's own mocks and prints its stack outputs, and the URNs of its resources, as JSON:
//
//	node run.js PROGRAM.js PROJECT CONFIG
//
// PROGRAM.js is an absolute path, and CONFIG a JSON object of full keys.
const { createRequire } = require("node:module");

const [program, project, config] = process.argv.slice(2);
const from = createRequire(program);
const pulumi = from("@pulumi/pulumi");

// What a lookup of an image, a network or the like answers: text, and a list of it where a list is wanted.
const found = { id: "found", ids: ["found"], value: "found", insecureValue: "found" };

const urns = [];
pulumi.runtime.setAllConfig(JSON.parse(config));
pulumi.runtime.setMocks(
    {
        newResource(args) {
            urns.push(`urn:pulumi:dev::${project}::${args.type}::${args.name}`);
            return { id: `${args.name}-id`, state: { ...args.inputs, arn: `arn:${args.name}`, name: args.name } };
        },
        call: () => found,
    },
    project,
    "dev",
    false,
);

pulumi.runtime
    .runInPulumiStack(async () => from(program))
    .then((outputs) => pulumi.output(outputs).apply((value) => console.log(JSON.stringify({ outputs: value, urns }))));
