import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

/** What people do in the web client, and what they see there. */

export const field = (page: Page, label = 'Write a message') => page.getByLabel(label, { exact: true });
export const said = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text });

export async function say(page: Page, text: string, label?: string): Promise<void> {
  await field(page, label).fill(text);
  await field(page, label).press('Enter');
}

/** Chooses something that is offered for a message. */
export async function choose(page: Page, text: string, ...names: string[]): Promise<void> {
  await said(page, text).hover();
  const [button = '', ...items] = names;
  await said(page, text).getByRole('button', { name: button, exact: true }).click();
  for (const name of items) await page.getByRole('menuitem', { name }).click();
}

/** Chooses something that is offered for a member, where the members are shown. */
export async function chooseFor(page: Page, username: string, name: string): Promise<void> {
  await page.getByRole('button', { name: `More for ${username}` }).click();
  await page.getByRole('menuitem', { name }).click();
}

export async function textsOf(page: Page): Promise<string[]> {
  return page.locator('.message-text').allInnerTexts();
}

/** What axe finds wrong with a page. */
export async function findings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`);
}
