import '@fontsource-variable/noto-sans-kr/wght.css';

import app from './app.json';
import errors from './errors.json';
import auth from './auth.json';

export default { app, errors, auth };
