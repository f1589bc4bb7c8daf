import { useEffect, useState } from 'react';
import { useActions } from '../actionsContext.ts';
import { readDrop } from './readDropped.ts';

/** The whole page takes files, folders and zips. */
export function DropAnywhere(): React.JSX.Element | null {
  const actions = useActions();
  const [over, setOver] = useState(false);
  useEffect(() => {
    // Words dragged into a field, or a link, are the browser's own to drop.
    const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true;
    const enter = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      if (event.dataTransfer === null || !holdsFiles(event)) return;
      event.preventDefault();
      setOver(false);
      void actions.open(readDrop(event.dataTransfer));
    };
    window.addEventListener('dragover', enter);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', enter);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, [actions]);
  return over ? <div className="drop-veil">Drop a BERT folder, a zip, text files, or a trained job</div> : null;
}
