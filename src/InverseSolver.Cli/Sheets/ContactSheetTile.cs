using InverseSolver.Imaging;

namespace InverseSolver.Cli;

/// <summary>One picture of a contact sheet.</summary>
/// <param name="Image">The picture; values are clipped to [0,1].</param>
/// <param name="Caption">What is written under it, for example <c>31.2 dB</c>.</param>
internal sealed record ContactSheetTile(Image Image, string Caption = "");
