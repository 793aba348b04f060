"use strict";
async function readFiles(files, { fs, lead }) { throw new DataError("not yet"); }
