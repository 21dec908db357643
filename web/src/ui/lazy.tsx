import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { showProblem } from './problems.js';

/** A view whose code is loaded when it is shown first. */
export function Lazy({ load }: { load: () => Promise<ComponentType> }) {
  const [View, setView] = useState<ComponentType | undefined>();
  useEffect(() => {
    load().then((loaded) => setView(() => loaded), showProblem);
  }, [load]);
  return View ? <View /> : <main id="main" tabIndex={-1} aria-busy="true" />;
}
