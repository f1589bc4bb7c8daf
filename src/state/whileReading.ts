import { useSetup } from './setupStore.ts';

/** One piece of reading, and how it is told now. */
interface Reading {
  words: string;
}

/** All that is being read, the newest last. */
const going: Reading[] = [];

function show(): void {
  useSetup.setState({ reading: going.at(-1)?.words });
}

/**
 * Reads something, and says so until it ends. Several things may be read at once: each ends its own words alone, and
 * `SetupState.reading` has those of the newest that is still going on.
 *
 * @param words what is being read, for people
 * @param work gets a function that changes the words
 */
export async function whileReading<T>(words: string, work: (say: (words: string) => void) => Promise<T>): Promise<T> {
  const reading: Reading = { words };
  going.push(reading);
  show();
  try {
    return await work((now) => {
      reading.words = now;
      show();
    });
  } finally {
    going.splice(going.indexOf(reading), 1);
    show();
  }
}
