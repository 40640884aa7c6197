namespace InverseSolver.Imaging;

/// <summary>
/// A place or direction in the patient, as DICOM counts: X grows to the patient's left, Y to the back, Z to the crown (LPS). Places are in millimetres.
/// </summary>
/// <param name="X">To the left.</param>
/// <param name="Y">To the back.</param>
/// <param name="Z">To the crown.</param>
public readonly record struct PatientVector(double X, double Y, double Z)
{
    /// <summary>The sum.</summary>
    public static PatientVector operator +(PatientVector a, PatientVector b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z);

    /// <summary>The difference.</summary>
    public static PatientVector operator -(PatientVector a, PatientVector b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z);

    /// <summary>The multiple.</summary>
    public static PatientVector operator *(double factor, PatientVector a) => new(factor * a.X, factor * a.Y, factor * a.Z);

    /// <summary>The inner product.</summary>
    public double Dot(PatientVector other) => (X * other.X) + (Y * other.Y) + (Z * other.Z);

    /// <summary>The vector product: of the row's and the column's direction, the slice's normal.</summary>
    public PatientVector Cross(PatientVector other) =>
        new((Y * other.Z) - (Z * other.Y), (Z * other.X) - (X * other.Z), (X * other.Y) - (Y * other.X));

    /// <summary>The length.</summary>
    public double Norm => Math.Sqrt(Dot(this));
}
