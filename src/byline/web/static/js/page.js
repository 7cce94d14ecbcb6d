// On every page: removes the switches of language and theme from the address once they are stored.

const address = new URL(location.href);
const switches = ["lang", "theme"].filter((name) => address.searchParams.has(name));
if (switches.length > 0 && navigator.cookieEnabled) {
  for (const name of switches) address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
}
