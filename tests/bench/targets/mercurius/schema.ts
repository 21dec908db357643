/** The types of the service's events, and as much around them as a chat needs. */
export const schema = `
  scalar DateTime
  type User { id: ID! username: String! }
  type Message { id: ID! seq: Int! content: String! createdAt: DateTime! sender: User! }
  type ChatMembership { user: User! joinedAt: DateTime! }
  interface ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User }
  type MessageCreated implements ChatEvent {
    chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User message: Message!
  }
  type MemberAdded implements ChatEvent {
    chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User member: ChatMembership!
  }
  type MemberRemoved implements ChatEvent {
    chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User user: User!
  }
  type Query { me: User }
  type Mutation { sendMessage(chatId: ID!, content: String!, nonce: String): Message! }
  type Subscription { chatEvents(chatId: ID!): ChatEvent! }
`;
