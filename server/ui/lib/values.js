// Small functions on JSON values and names.

/** Whether two JSON values are equal. */
export const same = (left, right) => left === right || JSON.stringify(left) === JSON.stringify(right);

/** The words of a member's name: `unitPrice` and `unit_price` are `Unit price`. */
export function words(name) {
  const text = String(name)
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .trim()
    .toLowerCase();
  return text && text[0].toUpperCase() + text.slice(1);
}
