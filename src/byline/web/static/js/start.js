// Shows that a test is running, and copies the configuration text.

const form = document.querySelector("form.trial");
const testing = document.getElementById("testing");
const button = form.querySelector("button[type=submit]");

function settle(busy) {
  testing.hidden = !busy;
  button.disabled = busy;
}

form.addEventListener("submit", () => settle(true));
addEventListener("pageshow", () => settle(false)); // also when one comes back to it

const copy = document.getElementById("copy");
if (copy) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const text = document.getElementById("toml");
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = copy.dataset.copied;
    } catch {
      getSelection().selectAllChildren(text);
      copy.textContent = copy.dataset.refused;
    }
  });
}
