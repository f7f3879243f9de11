// Runs before the first paint, so that a stored theme never flashes the other one.
try {
  const theme = localStorage.getItem('tagtide.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off: use the system's theme.
}
