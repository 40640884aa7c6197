namespace InverseSolver.Imaging;

/// <summary>What one frame of raw data is.</summary>
/// <param name="Slice">The slice, or the partition of a 3-D scan, from 0 in the order of the places.</param>
/// <param name="Contrast">The file's counter of echoes.</param>
/// <param name="Phase">The file's counter of cardiac phases.</param>
/// <param name="Repetition">The file's counter of repetitions.</param>
/// <param name="Set">The file's counter of sets.</param>
/// <param name="Geometry">Where the pixels lie; null: the file does not say.</param>
/// <param name="Details">What the header says of it; null: nothing that tells it from other frames.</param>
public sealed record RawMriFrame(int Slice, int Contrast, int Phase, int Repetition, int Set, FrameGeometry? Geometry, FrameDetails? Details = null);
