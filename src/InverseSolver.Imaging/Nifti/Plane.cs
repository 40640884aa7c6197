namespace InverseSolver.Imaging;

/// <summary>The planes that a volume is cut in.</summary>
public enum Plane
{
    /// <summary>Across the body axis; shown with the nose up.</summary>
    Axial,

    /// <summary>Parallel to the face; shown with the crown up.</summary>
    Coronal,

    /// <summary>Parallel to the plane between the eyes; shown with the crown up and the nose to the left.</summary>
    Sagittal,
}
