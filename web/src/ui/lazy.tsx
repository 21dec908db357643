import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { showProblem } from './problems.js';

interface LazyProps<Props> {
  load: () => Promise<ComponentType<Props>>;
  props: Props;
}

/** A view whose code is loaded when it is shown first. */
export function Lazy<Props extends object>({ load, props }: LazyProps<Props>) {
  const [View, setView] = useState<ComponentType<Props> | undefined>();
  useEffect(() => {
    load().then((loaded) => setView(() => loaded), showProblem);
  }, [load]);
  return View ? <View {...props} /> : null;
}
