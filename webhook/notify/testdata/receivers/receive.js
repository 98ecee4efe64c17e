'use strict';
// Reads one JSON document from stdin, {"secret": "whsec_...", "messages": [{"headers": {...}, "body": "..."}, ...]}, and gives each
// message to two npm packages: to standardwebhooks, which checks its signature, and to the SDK of CloudEvents, which reads the event.
// Writes one line for each message: "ok" and what the SDK read, or the error.

const { Webhook } = require('standardwebhooks');
const { HTTP } = require('cloudevents');

const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const receiver = new Webhook(input.secret);

for (const message of input.messages) {
  try {
    receiver.verify(message.body, message.headers);
    if (!HTTP.isEvent(message)) throw new Error('it is no CloudEvent');
    const event = HTTP.toEvent(message);
    event.validate();
    process.stdout.write(`ok ${event.specversion} ${event.type} ${event.source} ${event.subject} ${event.data.kind}\n`);
  } catch (error) {
    process.stdout.write(`${error.name}: ${error.message.split('\n')[0]}\n`);
  }
}
