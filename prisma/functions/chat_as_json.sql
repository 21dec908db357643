-- A chat as its events show it (LoggedChat in src/domain/log/logged-chat.ts).
CREATE OR REPLACE FUNCTION chat_as_json(c chats)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
  SELECT jsonb_build_object('id', c.id, 'name', c.name, 'kind', c.kind, 'visibility', c.visibility, 'topic', c.topic,
    'postingRole', c.posting_role, 'slowSeconds', c.slow_seconds, 'invites', c.invites, 'archivedAt', c.archived_at, 'metadata', c.metadata)
$$;
