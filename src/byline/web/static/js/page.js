// On every page: the switches of language and theme leave no trace in the address once they are kept.

const address = new URL(location.href);
const switches = ["lang", "theme"].filter((name) => address.searchParams.has(name));
if (switches.length > 0 && navigator.cookieEnabled) {
  for (const name of switches) address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
}
