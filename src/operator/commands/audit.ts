import { type Command, InvalidArgumentError } from 'commander';
import { AuditCheck, type AuditFault } from '../../domain/moderation/audit-check.js';
import { type AuditHead, anchorText } from '../../domain/moderation/audit-log.js';
import { CommandError } from '../command-error.js';
import { withServices } from '../open-services.js';
import { print } from '../print.js';

interface VerifyFlags {
  from: number;
  anchor?: AuditHead;
}

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('the audit log: who did what with the rights of an admin, a moderator or an operator')
    .allowExcessArguments()
    .allowUnknownOption()
    .action(() => {
      const [unknown] = audit.args;
      throw new CommandError(
        unknown
          ? `There is no command "audit ${unknown}"; there are audit verify, audit anchor.`
          : 'Name a command: audit verify, audit anchor.',
      );
    });
  audit
    .command('verify')
    .description('check that nobody has changed, moved or removed an entry, and print what is wrong; safe at any time')
    .option('--from <number>', 'the first entry to check; those before it are believed', entryNumber, 1)
    .option(
      '--anchor <number:hash>',
      'what "audit anchor" printed earlier: finds a log that was cut or rewritten as a whole',
      anchorOf,
    )
    .action(({ from, anchor }: VerifyFlags) =>
      withServices(async ({ auditLog }) => {
        const check = new AuditCheck(auditLog);
        let faults = 0;
        for await (const fault of check.faults({ from, anchor })) {
          faults += 1;
          print(describe(fault));
        }
        if (faults > 0) throw new CommandError(`The audit log is not as it was written. Faults: ${faults}.`);
        print(`The audit log is as it was written. Entries: ${check.count}; the last is ${anchorText(check.head)}.`);
      }),
    );
  audit
    .command('anchor')
    .description(
      'print the number and the hash of the newest entry, as the service does once a day in its log; keep them where nobody can change them ' +
        'with the database',
    )
    .action(() => withServices(async ({ auditLog }) => print(anchorText(await auditLog.head()))));
}

function entryNumber(text: string): number {
  const number = Number(text);
  if (!/^\d{1,10}$/.test(text) || number < 1 || number > 2 ** 31 - 1)
    throw new InvalidArgumentError('It must be the number of an entry, from 1.');
  return number;
}

function anchorOf(text: string): AuditHead {
  const [, seq, hash] = /^(\d{1,10}):([0-9a-f]{64})$/i.exec(text) ?? [];
  if (seq === undefined || hash === undefined)
    throw new InvalidArgumentError(
      'It must be what "audit anchor" prints: a number, a colon and 64 hexadecimal digits.',
    );
  return { seq: Number(seq), hash: Buffer.from(hash, 'hex') };
}

function describe(fault: AuditFault): string {
  switch (fault.fault) {
    case 'changed':
      return fault.what === 'hash'
        ? `entry ${fault.seq}: its hash was changed`
        : `entry ${fault.seq}: its text was changed: it does not give its hash`;
    case 'missing':
      return fault.from === fault.to
        ? `entry ${fault.from}: it was removed`
        : `entries ${fault.from} to ${fault.to}: they were removed`;
    case 'moved':
      return `entry ${fault.seq}: entry ${fault.is} stands in its place`;
    case 'cut':
      return `the end was cut: the last entry is ${fault.last}, and ${fault.expected} by the ${fault.by}`;
    case 'rewritten':
      return `entry ${fault.seq}: it has another hash than the ${fault.by}: the log was rewritten`;
    case 'beyond':
      return `entry ${fault.seq}: it was added behind the last one, which is ${fault.head} by the head`;
    case 'column':
      return `entry ${fault.seq}: the column ${fault.column} is not what the entry says`;
    case 'reason':
      return `entry ${fault.seq}: its reason was changed`;
  }
}
