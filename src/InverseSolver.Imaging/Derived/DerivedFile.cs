namespace InverseSolver.Imaging;

/// <summary>A file to hand out.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Bytes">The whole file.</param>
public sealed record DerivedFile(string Name, string ContentType, byte[] Bytes);
