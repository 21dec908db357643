export function buildWebClient(root: string, folder: string): Promise<void>;
