import './v8-flags.js';

// Loaded after V8 has its flags.
await import('./start.js');
