import type { Schema } from '@chat-api/client';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

export type Me = Pick<Schema.User, 'id' | 'username' | 'role'>;

/** Who is signed in; null until it is known. */
export const Viewer = createContext<Me | null>(null);

export const useViewer = (): Me | null => useContext(Viewer);
