/** Why it is done: for the log of the moderators, not for the user. */
export function Reason() {
  return (
    <label>
      <span>
        Why <span class="quiet">(for moderators; optional)</span>
      </span>
      <input name="reason" maxLength={500} autocomplete="off" />
    </label>
  );
}
