import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where distributions put it; `CHROMIUM` names another place. */
const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = places.find((place) => place !== undefined && existsSync(place));

/** Why there is no browser here, or undefined when there is one. */
export const chromiumProblem = executablePath
  ? undefined
  : "Chromium is not installed: apt-get install chromium, or set CHROMIUM";

/** A browser without a window. The pages are our own, so it needs no sandbox, which containers often refuse. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: executablePath as string, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
