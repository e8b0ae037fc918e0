export { Announcements } from './banners';
