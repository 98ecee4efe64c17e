'use strict';
// Reads one JSON document from stdin, {"certificates": {URL: PEM}, "messages": [SNS message, ...]}, gives each message to the
// npm package sns-validator, and writes one line for each: "ok", or the error.
//
// The package has no hook for its certificates: it gets them with https.get. That is replaced here, before the package is loaded.

const https = require('https');
const { Readable } = require('stream');

const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));

https.get = function (url, callback) {
  const pem = input.certificates[url];
  const response = Readable.from(pem === undefined ? [] : [Buffer.from(pem)]);
  response.statusCode = pem === undefined ? 404 : 200;
  setImmediate(callback, response);
  return { on() { return this; } };
};

const Validator = require('sns-validator');

(async () => {
  for (const message of input.messages) {
    const error = await new Promise((resolve) => new Validator().validate(message, resolve));
    process.stdout.write((error ? error.message : 'ok') + '\n');
  }
})();
