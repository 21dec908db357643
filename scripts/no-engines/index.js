// Replaces the package that `@prisma/engines` calls at its installation to download engines. Nothing here needs one: `prisma
// generate` and Studio use none, and the schema engine is WebAssembly. So an install contacts npm's registry only.
exports.BinaryType = { SchemaEngineBinary: 'schema-engine' };
exports.download = async () => ({});
