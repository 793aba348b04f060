"use strict";
// The network of lesson 06 in onnxruntime-web: one thread of WebAssembly, and nothing fetched from anywhere.

/** The bytes of base64 text, unpacked with gzip where they were packed. */
async function bytesOf(text, { packed = false } = {}) {
  const signs = atob(text);
  const bytes = new Uint8Array(signs.length);
  for (let k = 0; k < signs.length; k += 1) bytes[k] = signs.charCodeAt(k);
  if (!packed) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Load the network: a function from rows, (n_beats, n_numbers), to the scores of each class. */
async function loadNetwork(runtime) {
  const { ort } = self;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmBinary = await bytesOf(runtime.wasm, { packed: true });
  // Nothing may be fetched from file://, but a module may be imported from a text that is here.
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([runtime.loader], { type: "text/javascript" })) };
  const session = await ort.InferenceSession.create(await bytesOf(ECG_RECIPE.model), { executionProviders: ["wasm"] });
  return (rows) => scoresInBatches(rows, (batch) => scoresOf(session, batch));
}

/** Run one batch of rows. */
async function scoresOf(session, batch) {
  const width = batch[0].length;
  const numbers = new Float32Array(batch.length * width);
  batch.forEach((row, k) => numbers.set(row, k * width));
  const beats = new self.ort.Tensor("float32", numbers, [batch.length, width]);
  const { scores } = await session.run({ beats });
  const n = scores.dims[1];
  return batch.map((_, k) => Array.from(scores.data.subarray(k * n, (k + 1) * n)));
}

/** Run rows in batches, each with the neighbours that its scores depend on. */
async function scoresInBatches(rows, run) {
  const { batch, reach } = ECG_RECIPE;
  const found = [];
  for (let start = 0; start < rows.length; start += batch) {
    const stop = Math.min(rows.length, start + batch);
    const low = Math.max(0, start - reach[0]);
    const scores = await run(rows.slice(low, Math.min(rows.length, stop + reach[1])));
    found.push(...scores.slice(start - low, stop - low));
  }
  return found;
}
