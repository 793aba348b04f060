"use strict";
// The thread that reads and classifies, so that the page never stands still. It hears {kind: "start", runtime} once and
// {kind: "classify", ...} for each recording, and answers with progress, a result, or one sentence on what is wrong.

let network = null;

self.onmessage = async ({ data }) => {
  if (data.kind === "start") {
    network = loadNetwork(data.runtime);
    network.catch(() => {}); // what went wrong is said where the network is asked
    return;
  }
  const tell = (share, doing) => self.postMessage({ kind: "progress", share, doing });
  try {
    tell(0, "Reading the file");
    const recording = data.sample ? await sampleRecording(data.sample) : await readFiles(data.files, data);
    if (recording.asks) {
      self.postMessage({ kind: "asks", ...recording });
      return;
    }
    const scores = async (rows) => (await network)(rows);
    const found = await classifyRecording(recording.signal, recording.fs, scores, {
      flip: data.flip,
      tell: (share) => tell(0.2 + 0.8 * share, "Finding and labelling the beats"),
    });
    self.postMessage({ kind: "found", recording, found }, [recording.signal.buffer]);
  } catch (fault) {
    if (fault instanceof DataError) self.postMessage({ kind: "refused", message: fault.message });
    else self.postMessage({ kind: "failed", message: `${fault.name}: ${fault.message}` });
  }
};

/** The minute of a real heart that comes with the page. */
async function sampleRecording({ values, gain, ...about }) {
  const counts = new Int16Array((await bytesOf(values)).buffer);
  return { ...about, signal: Float32Array.from(counts, (count) => count / gain), notes: [] };
}
