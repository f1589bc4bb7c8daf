import { createContext, use } from 'react';
import type { StudioActions } from '../state/actions/actions.ts';

export const ActionsContext = createContext<StudioActions | undefined>(undefined);

export function useActions(): StudioActions {
  const actions = use(ActionsContext);
  if (actions === undefined) throw new Error('ui: expected an ActionsContext above, got none. Render inside main.tsx.');
  return actions;
}
