/** Camera, screen and file, for the studio: loaded with it. */
import { devices, meter, openCamera, openFile, openScreen } from "@weiquan/client";
import type { Sources } from "./ports";

export const sources: Sources = {
  camera: openCamera,
  screen: openScreen,
  file: openFile,
  devices,
  level(stream, run) {
    const measure = meter(stream);
    const end = measure.level.subscribe(run);
    return () => {
      end();
      measure.stop();
    };
  },
};
