import { PrismaPg } from '@prisma/adapter-pg';
import {
  type ColumnType,
  ColumnTypeEnum,
  isDriverAdapterError,
  type SqlQuery,
  type SqlResultSet,
} from '@prisma/driver-adapter-utils';
import type pg from 'pg';

/** Column types in the engine's catalog queries that select a "char", by type OID. */
const columnTypes: Record<number, ColumnType> = {
  16: ColumnTypeEnum.Boolean,
  18: ColumnTypeEnum.Character,
  19: ColumnTypeEnum.Text,
  21: ColumnTypeEnum.Int32,
  25: ColumnTypeEnum.Text,
  26: ColumnTypeEnum.Int64,
};

/**
 * adapter-pg for a schema engine that introspects a database. The engine's queries return columns of the catalog's type "char",
 * which adapter-pg does not support; the results of such queries are decoded here.
 */
export class IntrospectionAdapter extends PrismaPg {
  override async connect() {
    const connection = await super.connect();
    const queryRaw = connection.queryRaw.bind(connection);
    connection.queryRaw = (query) =>
      queryRaw(query).catch((error) => {
        const unknown = isDriverAdapterError(error) && error.cause.kind === 'UnsupportedNativeDataType';
        return unknown ? readCatalog(connection.underlyingDriver(), query) : Promise.reject(error);
      });
    return connection;
  }
}

async function readCatalog(pool: pg.Pool, { sql, args }: SqlQuery): Promise<SqlResultSet> {
  const { fields, rows } = await pool.query({ text: sql, values: args, rowMode: 'array' });
  return {
    columnNames: fields.map(({ name }) => name),
    columnTypes: fields.map(({ dataTypeID }) => columnTypes[dataTypeID] ?? ColumnTypeEnum.Text),
    rows,
  };
}
