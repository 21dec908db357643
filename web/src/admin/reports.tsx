import { ReportList } from '../reports/report-list.js';
import { Page } from '../ui/page.js';
import { addressOf } from '../ui/routes.js';

/** The reports of all chats, direct ones too, of which admins see the copy alone. */
export function Reports() {
  return (
    <Page title="Reports">
      <ReportList
        mayDo={() => true}
        linkTo={({ chat }) =>
          chat?.kind === 'group' && <a href={addressOf({ view: 'chat', chatId: chat.id })}>Open {chat.name}</a>
        }
      />
    </Page>
  );
}
