/** What kernels are chosen by on a software adapter with quads of four lanes, whatever adapter is here. */
export const SOFTWARE_TRAITS = {
  subgroupSize: 4,
  quads: true,
  invocations: 256,
  workgroupBytes: 16_384,
  groupsAnAxis: 65_535,
  bindingBytes: 2 ** 27,
  dispatchFlops: 15e9,
};
