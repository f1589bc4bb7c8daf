/** An ONNX model starts with its IR version, a small number, and another field. @param head the file's first bytes */
export function isOnnx(head: Uint8Array): boolean {
  const [tag = 0, version = 0, next = 0] = head;
  // Strings (producer, domain), operator sets or the graph come second, whoever writes it.
  return tag === 0x08 && version >= 3 && version <= 30 && [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42].includes(next);
}
