import { MESSAGE, SHOWN, USER } from './documents.js';

/** The GraphQL documents of the parts of a room. A test holds them to the schema. */

export const THREAD = `query($chatId:ID!,$rootId:ID!,$last:Int!){chat(id:$chatId){cursor} root:message(chatId:$chatId,id:$rootId){...Shown}
messages(chatId:$chatId,thread:$rootId,last:$last,deleted:true){...Message}}${SHOWN}`;

export const REPLIES = `query($chatId:ID!,$rootId:ID!,$before:Int!,$last:Int!){
messages(chatId:$chatId,thread:$rootId,before:$before,last:$last,deleted:true){...Message}}${MESSAGE}`;

const THREAD_STATE = 'viewer{following readSeq unread unreadCapped mentions}';

export const FOLLOW = `mutation($chatId:ID!,$rootId:ID!,$follow:Boolean!){
thread:followThread(chatId:$chatId,messageId:$rootId,follow:$follow){${THREAD_STATE}}}`;

export const MARK_THREAD_READ =
  'mutation($chatId:ID!,$rootId:ID!,$seq:Int!){markRead(chatId:$chatId,thread:$rootId,seq:$seq){readSeq}}';

export const THREADS = `query($chatId:ID!,$first:Int!,$after:String,$following:Boolean,$unread:Boolean){
threads(chatId:$chatId,first:$first,after:$after,following:$following,unread:$unread){cursor root{...Shown} participants${USER}}}${SHOWN}`;

export const PINS = `query($chatId:ID!){chat(id:$chatId){cursor pins{...Shown}}}${SHOWN}`;

export const RECEIPTS =
  'query($chatId:ID!,$last:Int!){chat(id:$chatId){cursor} messages(chatId:$chatId,last:$last){seq threadRoot{id} readBy(first:100){id}}}';
