using System.Text.Json;

namespace InverseSolver.Imaging;

/// <summary>What the reader found in a file.</summary>
/// <param name="Head">The answer's JSON.</param>
/// <param name="Arrays">By name.</param>
internal sealed record ReaderAnswer(JsonElement Head, IReadOnlyDictionary<string, ReaderArray> Arrays);
