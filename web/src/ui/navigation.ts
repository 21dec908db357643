import { useEffect, useState } from 'preact/hooks';
import { addressOf, parseRoute, type Route } from './routes.js';

export function go(route: Route): void {
  location.hash = addressOf(route);
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}
