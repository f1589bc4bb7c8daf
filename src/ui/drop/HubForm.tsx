import { sizeInWords } from '../../tensor/bytes.ts';
import { useEffect, useState } from 'react';
import { useSetup } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';

/** Fetches a teacher from Hugging Face by its id; the token, if any, lives in this field alone. */
export function HubForm(): React.JSX.Element {
  const actions = useActions();
  const reading = useSetup((state) => state.reading);
  const fetching = useSetup((state) => state.fetching);
  const fetchedBytes = useSetup((state) => state.fetchedBytes);
  const [repository, setRepository] = useState('');
  const [token, setToken] = useState('');
  useEffect(() => void actions.measureFetched(), [actions]);
  return (
    <form
      className="hub"
      onSubmit={(event) => {
        event.preventDefault();
        void actions.fetchTeacher({ repository: repository.trim(), ...(token === '' ? {} : { token }) });
      }}
    >
      <label className="grow">
        <span className="note">or a Hugging Face id</span>
        <input
          type="text"
          data-testid="hub-id"
          placeholder="owner/name"
          autoComplete="off"
          spellCheck={false}
          value={repository}
          onChange={(event) => setRepository(event.currentTarget.value)}
        />
      </label>
      <label>
        <span className="note">token, if it is private</span>
        <input
          type="password"
          data-testid="hub-token"
          autoComplete="off"
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      {fetching ? (
        <button type="button" className="btn" onClick={() => void actions.cancelFetch()}>
          Cancel
        </button>
      ) : (
        <button type="submit" className="btn" data-testid="hub-fetch" disabled={repository.trim() === '' || reading !== undefined}>
          Fetch
        </button>
      )}
      {fetchedBytes === 0 || fetching ? null : (
        <p className="note kept" data-testid="hub-kept">
          {sizeInWords(fetchedBytes)} of fetched repositories are kept in this browser.{' '}
          <button type="button" className="link plain" data-testid="hub-delete" onClick={() => void actions.deleteFetched()}>
            Delete them
          </button>
        </p>
      )}
    </form>
  );
}
