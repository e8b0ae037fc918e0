import './ui/styles.css';

import { createRoot } from 'react-dom/client';

import { App } from '~/app/app';
import { loadScripts, startI18n } from '~/i18n';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
const shown = createRoot(root);
void startI18n().then(() => {
  shown.render(<App />);
  loadScripts();
});
