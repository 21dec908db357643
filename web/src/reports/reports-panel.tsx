import type { Report } from '@chat-api/client/reports';
import { useRoomTools } from '../room/room-context.js';
import { SidePanel } from '../room/side-panel.js';
import { attempt } from '../ui/problems.js';
import { ReportList } from './report-list.js';

/** The reports of a chat, for its moderators. */
export function ReportsPanel() {
  const { room, state, jump, openThread } = useRoomTools();
  const show = async ({ messageId }: Report) => {
    const message = await room.findMessage(messageId);
    if (!message) return;
    if (message.thread && !message.thread.alsoInChat) openThread?.({ ...message, id: message.thread.rootId });
    else jump(message.seq);
  };
  return (
    <SidePanel title="Reports">
      <div class="panel-body">
        {state.viewerCan.includes('readReports') ? (
          <ReportList
            chatId={room.id}
            mayDo={(action) => state.viewerCan.includes(action)}
            linkTo={(report) => (
              <button type="button" class="inline-link" onClick={() => void attempt(() => show(report))}>
                Show it in the chat
              </button>
            )}
          />
        ) : (
          <p class="quiet">Only moderators of this chat see its reports.</p>
        )}
      </div>
    </SidePanel>
  );
}
