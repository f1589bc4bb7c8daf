// Loaded before the terminal: its process sends SIGINT to itself once it has written what WID_STUDIO_INTERRUPT_AT says, and again
// WID_STUDIO_INTERRUPT_AGAIN milliseconds later. A signal from outside would arrive on a busy machine when the run is over.
const { WID_STUDIO_INTERRUPT_AT: said, WID_STUDIO_INTERRUPT_AGAIN: again } = process.env;
const { stdout } = process;
const interrupt = () => process.kill(process.pid, 'SIGINT');
const write = stdout.write.bind(stdout);
stdout.write = (text, ...rest) => {
  const accepted = write(text, ...rest);
  if (String(text).includes(said)) {
    stdout.write = write;
    interrupt();
    if (again !== undefined) setTimeout(interrupt, Number(again));
  }
  return accepted;
};
