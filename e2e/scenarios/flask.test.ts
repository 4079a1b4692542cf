import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { fetchText, startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['debian'] });
});
after(() => engine?.stop());

test('a Flask app with a shell-form entry point answers over a published port', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends python3-flask && rm -rf /var/lib/apt/lists/*
COPY app.py /opt/app.py
ENTRYPOINT FLASK_APP=/opt/app.py flask run --host=0.0.0.0
`,
    'app.py': `import os
from flask import Flask
app = Flask(__name__)

@app.route("/")
def main():
    return "Welcome! I am " + os.environ.get("NAME", "nobody")
`,
  });
  await engine.strata(['build', '-t', 'my-simple-webapp', context]);
  const port = await freePort();
  await engine.strata([
    'run',
    '-d',
    '--rm',
    '--name',
    'app',
    '-e',
    'NAME=strata',
    '-p',
    `127.0.0.1:${port}:5000`,
    'my-simple-webapp',
  ]);
  assert.equal(await fetchText(`http://127.0.0.1:${port}/`), 'Welcome! I am strata');
  const { stderr } = await engine.strata(['logs', 'app']);
  assert.match(stderr, /Running on (all addresses|http)/);
  await engine.strata(['rm', '-f', 'app']);
});
