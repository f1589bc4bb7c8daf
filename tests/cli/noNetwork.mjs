// Loaded before the terminal: whoever opens a connection ends the program by code 99.
import { Socket } from 'node:net';

Socket.prototype.connect = () => {
  process.stderr.write('a connection was opened\n');
  process.exit(99);
};
