import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { openZip } from '../../../src/formats/zip.ts';
import { fileSource } from '../../../src/studio/fileSource.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { openBytes, type ByteSource } from '../../../src/tensor/byteSource.ts';
import { inScratch } from '../../cli/terminal.ts';
import { goldenTeacher } from '../../golden/load.ts';

const FOLDER = new URL('../../golden/checkpoints/safetensors/', import.meta.url);
const golden = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, FOLDER)));

/** Counts what is read. */
function counted(source: ByteSource): { source: ByteSource; bytes: () => number; longest: () => number } {
  let bytes = 0;
  let longest = 0;
  return {
    source: {
      size: source.size,
      read(start, end) {
        bytes += end - start;
        longest = Math.max(longest, end - start);
        return source.read(start, end);
      },
    },
    bytes: () => bytes,
    longest: () => longest,
  };
}

test('of a checkpoint of 6 GiB, the tensors that are used are read, and nothing else', async () => {
  await inScratch(async (scratch) => {
    const wanted = goldenTeacher().tensors;
    const ballast = 6 * 2 ** 30;
    // The ballast lies in front of everything, so that every offset is past what 32 bits hold; the disk holds no bytes for it.
    const header = new Map<string, unknown>([['optimizer.state', { dtype: 'F32', shape: [ballast / 4], data_offsets: [0, ballast] }]]);
    let end = ballast;
    for (const [name, { shape, data }] of wanted) {
      header.set(name, { dtype: 'F32', shape, data_offsets: [end, end + data.byteLength] });
      end += data.byteLength;
    }
    const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
    const body = Buffer.concat([...wanted.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
    const path = join(scratch, 'model.safetensors');
    const file = openSync(path, 'w');
    const length = new DataView(new ArrayBuffer(8));
    length.setBigUint64(0, BigInt(text.length), true);
    writeSync(file, new Uint8Array(length.buffer), 0, 8, 0);
    writeSync(file, text, 0, text.length, 8);
    ftruncateSync(file, 8 + text.length + end);
    writeSync(file, body, 0, body.length, 8 + text.length + ballast);
    closeSync(file);
    expect(statSync(path).size).toBeGreaterThan(ballast);

    const { source, bytes, longest } = counted(fileSource(path));
    const { model, report } = await readTeacher('large', [
      { path: 'model.safetensors', bytes: source },
      ...['config.json', 'vocab.txt'].map((name) => ({ path: name, bytes: golden(name) })),
    ]);
    expect(model.tensors).toEqual(wanted);
    expect(report.tensors.find(({ name }) => name === 'optimizer.state')).toMatchObject({ use: 'ignored' });
    expect(bytes()).toBeLessThan(2 * body.length);
    expect(longest()).toBeLessThanOrEqual(4 * 2 ** 20);
  });
});

/** The directory of a zip of stored files written again as zip64: sizes and offsets in 64 bits, as past 4 GiB. */
function asZip64(zip: Uint8Array): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
  const directory = view.getUint32(zip.length - 6, true);
  const pieces: Uint8Array[] = [zip.slice(0, directory)];
  let at = directory;
  let size = 0;
  while (view.getUint32(at, true) === 0x02014b50) {
    const name = view.getUint16(at + 28, true);
    const entry = new Uint8Array(46 + name + 28);
    entry.set(zip.subarray(at, at + 46 + name));
    const fields = new DataView(entry.buffer);
    const extra = 46 + name;
    fields.setUint16(30, 28, true);
    fields.setUint16(extra, 1, true);
    fields.setUint16(extra + 2, 24, true);
    [24, 20, 42].forEach((field, i) => {
      fields.setBigUint64(extra + 4 + 8 * i, BigInt(view.getUint32(at + field, true)), true);
      fields.setUint32(field, 0xffffffff, true);
    });
    pieces.push(entry);
    size += entry.length;
    at += 46 + name + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  const end = new DataView(new ArrayBuffer(56 + 20 + 22));
  end.setUint32(0, 0x06064b50, true);
  end.setBigUint64(4, 44n, true);
  end.setBigUint64(40, BigInt(size), true);
  end.setBigUint64(48, BigInt(directory), true);
  end.setUint32(56, 0x07064b50, true);
  end.setBigUint64(64, BigInt(directory + size), true);
  end.setUint32(76, 0x06054b50, true);
  end.setUint32(88, 0xffffffff, true);
  end.setUint32(92, 0xffffffff, true);
  return new Uint8Array(Buffer.concat([...pieces, new Uint8Array(end.buffer)]));
}

test('zips past 4 GiB keep their sizes in other fields', async () => {
  const names = ['config.json', 'model.safetensors', 'vocab.txt'];
  const zip = asZip64(zipSync(Object.fromEntries(names.map((name) => [name, golden(name)])), { level: 0 }));
  expect([...(await openZip(openBytes(zip))).keys()]).toEqual(names);
  const { model } = await readTeacher('zip64', [{ path: 'a.zip', bytes: zip }]);
  expect(model.tensors).toEqual(goldenTeacher().tensors);
});
